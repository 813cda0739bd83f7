"""The prober with its source-measure unit: measures test structures, die by die."""

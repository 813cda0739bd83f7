"""The dry etcher: etches the top film of wafers with a plasma."""

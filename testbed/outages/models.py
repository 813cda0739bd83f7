"""Time nobody can have: closures, shared supplies that fail, tools that go down; and who is moved."""

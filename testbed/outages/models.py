"""Time nobody can have: closures, supplies that fail, tools that go down; and who is moved."""

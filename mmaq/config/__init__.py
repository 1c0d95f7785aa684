"""The configuration: a schema, its defaults, and the files made from them."""

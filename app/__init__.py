"""The edge: the only room that knows of a web server, a database, a queue or a network."""

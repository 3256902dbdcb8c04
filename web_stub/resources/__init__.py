"""Resources: the answers of the REST API, the data of pages and the messages of streams, one module per noun.

A class declares its fields once. FastAPI derives the OpenAPI from it, and `json_response.encode` writes it as it is.
"""

"""Code that tests share: the fake engine, generators of inputs, servers, and a browser."""

"""The Web API, a module for each family of methods; `catalogue` lists them all."""

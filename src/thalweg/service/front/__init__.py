"""What stands between a service and those who call it: servers, middleware, and limits on what is let in."""

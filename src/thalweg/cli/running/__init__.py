"""Commands for what runs already: they find it by its control socket."""

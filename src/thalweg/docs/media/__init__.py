"""Text, pictures, sound, films and meshes: fetched, read and written. The libraries that do it are loaded when needed."""

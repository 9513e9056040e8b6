"""The configuration: tables, how a TOML file becomes them, and what each stage gets."""

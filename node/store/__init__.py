"""SQL: one module per noun, one transaction per hop."""

"""What each node of a drawing does, a module per node type: see STRATEGY's table of nodes in docs/strategy.md."""

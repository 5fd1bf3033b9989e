"""The dashboard: pages over the published marts, each number a metric or a mart's own column."""

"""chDB behind ClickHouse's HTTP interface, and nothing else."""

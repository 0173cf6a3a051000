"""What durable steps cost: Runwright beside a raw journal that promises as much and does nothing else."""

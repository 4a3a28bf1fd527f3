"""Many clips, on the processes of this machine or on a cluster, through dask.distributed."""

# Settings of the runtime. Memory that was freed goes back to the system after 10 s instead of 0.1: what one turn leaves the next
# one takes again (docs/decisions/0012-what-collecting-garbage-costs.md).
export MIMALLOC_PURGE_DELAY="${MIMALLOC_PURGE_DELAY:-10000}"

"""llama-server of llama.cpp, as the package xllamacpp carries it: `llamaServer.py FILE NAME PORT`; ends with its parent's signal."""
import signal
import sys

import xllamacpp

file, name, port = sys.argv[1:]
params = xllamacpp.CommonParams()
params.model.path = file
params.model_alias = {name}
params.hostnames = ["127.0.0.1"]
params.port = int(port)
params.n_ctx = 4096
params.n_parallel = 2
params.use_jinja = True
# Threads of llama.cpp spin while they wait for one another: on a busy machine one is faster than two.
params.cpuparams.n_threads = 1
params.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
while True:
    signal.pause()

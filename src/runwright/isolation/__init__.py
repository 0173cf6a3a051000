"""Tools in processes of their own.

The server starts one *tool host*, a process with one thread that loads the modules of process tools and
forks a child for every call. The child has limits, gets its input and gives its answer over a socket of
the call, and is ended together with every process that it has started. No code of a tool and none of a
tool's module is run by the server's side of this package.
"""

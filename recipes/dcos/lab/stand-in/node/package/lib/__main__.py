"""Starts one service of the stand-in: exhibitor, mesos-master or mesos-agent."""

import sys

if len(sys.argv) == 2 and sys.argv[1] == "exhibitor":
    from exhibitor import Exhibitor as Service
elif len(sys.argv) == 2 and sys.argv[1] == "mesos-master":
    from mesos_master import MesosMaster as Service
elif len(sys.argv) == 2 and sys.argv[1] == "mesos-agent":
    from mesos_agent import MesosAgent as Service
else:
    sys.exit("which service? exhibitor, mesos-master or mesos-agent")

Service().run()

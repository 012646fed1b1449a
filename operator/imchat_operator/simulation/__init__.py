"""The simulation: a fleet of gateways that plays a load trace, and the policies that steer it."""

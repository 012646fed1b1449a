"""The functional core: from what is (a Snapshot) to what to do (a Decision); no I/O, no clock."""

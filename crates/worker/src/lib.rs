//! Turns an Engine into a worker: lease, run, report, drain. Holds ScriptedEngine.

//! What goes wrong on the way: servers that are away or refuse, workers that die, messages that come back. Nothing is lost,
//! nothing is done twice, and every job ends.

mod alarm;
mod clock;
mod crash;
mod full;
mod killed;
mod locks;
mod outage;
mod patience;
mod poison;
mod stopped;
mod taken_back;
mod watchdog;

"""Language models of any provider behind one door: chosen, paid for, and watched."""

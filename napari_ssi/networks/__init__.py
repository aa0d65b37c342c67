"""Networks f, from the extended measurement to the object."""

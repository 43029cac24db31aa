"""From members to packs: reader, worker processes, writer process, journal."""

"""The parts of ``land``: from what a backend shipped to an immutable, typed, pseudonymous dump with its manifest.

inbox      what lies in the inbox, as shipments        vault      people: keys, pseudonyms, addresses, erasure
streams    bytes of a file, decompressed               store      the landing's folders, manifests, local index
records    bytes to records (CSV, JSON lines, COPY)    intake     one batch of shipments through all of it
contract   text to types, and why a row was refused    postgres, pg_dump   where there are no files of rows
"""

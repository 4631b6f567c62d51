"""The commands of ``isdbench``, one file each: ``add_arguments(parser)`` and ``main(args) -> exit status``."""

"""``python -m napari_frtm``."""

from napari_frtm.cli import main

if __name__ == "__main__":
    raise SystemExit(main())

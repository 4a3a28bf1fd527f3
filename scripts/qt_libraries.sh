#!/bin/sh
# Makes sure that Qt finds the system libraries it needs; installs them where that is possible.
# usage: scripts/qt_libraries.sh PYTHON

packages="libegl1 libgl1 libxkbcommon-x11-0 libdbus-1-3 libxcb-cursor0 libxcb-icccm4 \
libxcb-keysyms1 libxcb-shape0"
try() { QT_QPA_PLATFORM=offscreen "$1" -c "from qtpy.QtWidgets import QApplication; QApplication([])"; }

try "$1" >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing the system libraries of Qt: $packages"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $packages >/dev/null
fi
try "$1" && exit 0
echo "Qt cannot start; it lacks system libraries. On Debian or Ubuntu install them with" >&2
echo "  sudo apt-get install $packages" >&2
exit 1

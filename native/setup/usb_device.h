#pragma once
// Devices of the USB by what they are, whose node has another name at each plugging in.
#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

namespace tsct {

// usb:VENDOR:PRODUCT, as lsusb(8) shows them: four digits of hexadecimal each.
bool is_usb_number(const std::string& source);

// Nodes on the host of all that are plugged in, by bus and number. Throws SysError for what cannot be read.
std::vector<std::string> find_usb_devices(const std::string& source);

// Paths of the nodes below /dev/bus/usb of a container for which `wanted` holds; the file system of its /dev
// is given.
std::vector<std::string> usb_nodes(int dev_fd, const std::function<bool(char type, dev_t number)>& wanted);

}  // namespace tsct

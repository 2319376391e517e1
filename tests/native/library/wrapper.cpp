// The C++ wrapper: wrapper ARCHIVE HOUR OUT writes a frame of float32 and prints what it found on the way.
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>

#include "todpack.hpp"

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    std::ifstream file(argv[1], std::ios::binary);
    const std::vector<char> data((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    try {
        const tod::Archive whole(data.data(), data.size());
        tod::Archive streamed(
            [&data](std::uint64_t offset, void *to, std::size_t n_bytes) {
                std::memcpy(to, data.data() + offset, n_bytes);
                return n_bytes;
            },
            data.size());
        const tod::Archive moved = std::move(streamed);
        const auto frame = whole.decode<float>(0, std::stod(argv[2]), TOD_RGB32F);
        if (frame != moved.decode<float>(0, std::stod(argv[2]), TOD_RGB32F))
            return 3;
        std::vector<float> early(frame.size()), late(frame.size());
        const std::size_t n_bytes = frame.size() * sizeof(float);
        whole.prepare(0);
        whole.decode(0, {1.0, std::stod(argv[2])},
                     {{early.data(), 0, n_bytes, TOD_RGB32F}, {late.data(), 0, n_bytes, TOD_RGB32F}});
        if (late != frame)
            return 4;
        std::ofstream(argv[3], std::ios::binary)
            .write(reinterpret_cast<const char *>(frame.data()), static_cast<std::streamsize>(n_bytes));
        std::cout << whole.lightmap(whole.find("golden")).name << ' ' << whole.info().n_hours << std::endl;
        whole.decode<float>(0, 24.0, TOD_RGB32F);
    } catch (const tod::Error &error) {
        std::cout << error.status() << ' ' << error.what() << std::endl;
        return 0;
    }
    return 5;
}

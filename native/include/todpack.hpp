/* libtodpack for C++17, in one header: errors are exceptions, archives close themselves.

       tod::Archive archive(data, n_bytes);
       std::vector<std::uint8_t> pixels = archive.decode<std::uint8_t>(0, 17.5, TOD_RGB8);

   What a function takes and promises stands in todpack.h. */
#ifndef TODPACK_HPP
#define TODPACK_HPP

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "todpack.h"

namespace tod
{

/* A status that is not TOD_OK, with its line. */
class Error : public std::runtime_error
{
  public:
    explicit Error(const TodError &error) : std::runtime_error(error.text), status_(error.status) {}
    TodStatus status() const noexcept { return status_; }

  private:
    TodStatus status_;
};

inline TodOptions default_options()
{
    TodOptions options;
    tod_default_options(&options);
    return options;
}

/* Copies n_bytes from `offset` on into `to` and returns how many there were; must not throw. */
using Read = std::function<std::size_t(std::uint64_t offset, void *to, std::size_t n_bytes)>;

/* An open archive. Safe to use from several threads, but for `release`, moving and destroying. */
class Archive
{
  public:
    /* The bytes stay the caller's and must live as long as the archive. */
    Archive(const void *data, std::size_t n_bytes, const TodOptions &options = default_options())
    {
        TodArchive *archive = nullptr;
        TodError error;
        check(tod_open(data, n_bytes, &options, &archive, &error), error);
        archive_.reset(archive);
    }

    Archive(Read read, std::uint64_t n_bytes, const TodOptions &options = default_options())
        : read_(std::make_unique<Read>(std::move(read)))
    {
        const TodReader reader = {call_read, read_.get(), n_bytes};
        TodArchive *archive = nullptr;
        TodError error;
        check(tod_open_reader(&reader, &options, &archive, &error), error);
        archive_.reset(archive);
    }

    const TodArchiveInfo &info() const noexcept { return *tod_archive(archive_.get()); }

    const TodLightmapInfo &lightmap(std::int32_t index) const
    {
        const TodLightmapInfo *found = tod_lightmap(archive_.get(), index);
        if (!found)
            throw std::out_of_range("no such lightmap");
        return *found;
    }

    /* -1 where there is none. */
    std::int32_t find(const std::string &name) const noexcept
    {
        return tod_find_lightmap(archive_.get(), name.c_str());
    }

    /* Into the caller's pixels. */
    void decode(std::int32_t lightmap, double time_h, const TodTarget &target, const TodRegion *region = nullptr) const
    {
        TodError error;
        check(tod_decode(archive_.get(), lightmap, time_h, region, &target, &error), error);
    }

    /* Several times at once, one target each. */
    void decode(std::int32_t lightmap, const std::vector<double> &times_h, const std::vector<TodTarget> &targets,
                const TodRegion *region = nullptr) const
    {
        TodError error;
        if (times_h.size() != targets.size())
            throw std::invalid_argument("expected a target for each time");
        check(tod_decode_times(archive_.get(), lightmap, times_h.data(), static_cast<std::int32_t>(times_h.size()),
                               region, targets.data(), &error),
              error);
    }

    /* A whole frame, rows side by side, in items of the format: uint8_t, float, or uint16_t for half floats. */
    template <typename Item> std::vector<Item> decode(std::int32_t lightmap, double time_h, TodFormat format) const
    {
        const TodLightmapInfo &size = this->lightmap(lightmap);
        const std::size_t n_bytes =
            static_cast<std::size_t>(size.height) * static_cast<std::size_t>(size.width) * tod_pixel_bytes(format);
        std::vector<Item> pixels((n_bytes + sizeof(Item) - 1) / sizeof(Item));
        decode(lightmap, time_h, TodTarget{pixels.data(), 0, pixels.size() * sizeof(Item), format});
        return pixels;
    }

    void prepare(std::int32_t lightmap, const TodRegion *region = nullptr) const
    {
        TodError error;
        check(tod_prepare(archive_.get(), lightmap, region, &error), error);
    }

    void release(std::int32_t lightmap) noexcept { tod_release(archive_.get(), lightmap); }

    std::uint64_t held_bytes() const noexcept { return tod_held_bytes(archive_.get()); }

    /* For the functions that are not here. */
    const TodArchive *get() const noexcept { return archive_.get(); }

  private:
    struct Close {
        void operator()(TodArchive *archive) const noexcept { tod_close(&archive); }
    };

    static std::size_t call_read(void *read, std::uint64_t offset, void *to, std::size_t n_bytes)
    {
        return (*static_cast<Read *>(read))(offset, to, n_bytes);
    }

    static void check(TodStatus status, const TodError &error)
    {
        if (status != TOD_OK)
            throw Error(error);
    }

    std::unique_ptr<Read> read_; /* outlives the archive */
    std::unique_ptr<TodArchive, Close> archive_;
};

} // namespace tod

#endif

// libtodpack for C#: any hour of a lightmap into a buffer of the caller. What a function takes and promises stands in
// todpack.h. C# 7, .NET Standard 2.0: Unity, Godot, Mono, .NET.
using System;
using System.Runtime.InteropServices;
using System.Text;

namespace Todpack
{
    /// <summary>Formats of pixels, as TodFormat.</summary>
    public enum PixelFormat
    {
        Rgb8,
        Rgba8,
        Rgb32F,
        Rgb16F,
        Rgba16F,
        Rgb9E5
    }

    /// <summary>What values are, as TodTransfer: 8-bit sRGB codes, or radiance.</summary>
    public enum Transfer
    {
        Srgb8,
        Linear
    }

    /// <summary>What texels outside the mask are, as TodGutters.</summary>
    public enum Gutters
    {
        Dilate,
        Mean,
        Black
    }

    /// <summary>A status that is not TOD_OK, with its line.</summary>
    public sealed class TodpackException : Exception
    {
        public TodpackException(int status, string text) : base(text)
        {
            Status = status;
        }

        /// <summary>One of TodStatus.</summary>
        public int Status { get; }
    }

    /// <summary>Rows Y0..Y1-1 and columns X0..X1-1.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Region
    {
        public int Y0, Y1, X0, X1;

        public Region(int y0, int y1, int x0, int x1)
        {
            Y0 = y0;
            Y1 = y1;
            X0 = x0;
            X1 = x1;
        }
    }

    /// <summary>One lightmap of an archive.</summary>
    public sealed class Lightmap
    {
        internal Lightmap(int index, Native.LightmapInfo info)
        {
            Index = index;
            Name = Native.TextOf(info.Name);
            Height = info.Height;
            Width = info.Width;
            ValidTexels = info.ValidTexels;
            Maps = info.Maps;
        }

        public int Index { get; }
        public string Name { get; }
        public int Height { get; }
        public int Width { get; }

        /// <summary>Texels that belong to a surface.</summary>
        public int ValidTexels { get; }

        /// <summary>Latent maps.</summary>
        public int Maps { get; }
    }

    /// <summary>An open archive. Safe to use from several threads, but for Release and Dispose.</summary>
    public sealed class Archive : IDisposable
    {
        private GCHandle data; // not readonly: Free changes it
        private IntPtr handle;

        /// <summary>Open an archive; its bytes are kept as they are until Dispose.</summary>
        /// <exception cref="TodpackException">It is no archive, damaged, or not for this library.</exception>
        public Archive(byte[] bytes, Gutters gutters = Gutters.Dilate)
        {
            if (bytes == null)
                throw new ArgumentNullException(nameof(bytes));
            var options = new Native.Options();
            var error = new Native.Error();
            Native.tod_default_options_of(ref options, Native.tod_version());
            options.Gutters = gutters;
            data = GCHandle.Alloc(bytes, GCHandleType.Pinned);
            var status = Native.tod_open(data.AddrOfPinnedObject(), (UIntPtr)(ulong)bytes.Length, ref options,
                                         out handle, ref error);
            if (status != 0)
            {
                data.Free();
                throw error.ToException();
            }
            var info = (Native.ArchiveInfo)Marshal.PtrToStructure(Native.tod_archive(handle),
                                                                  typeof(Native.ArchiveInfo));
            Transfer = info.Transfer;
            Hours = new double[info.HourCount];
            Marshal.Copy(info.Hours, Hours, 0, info.HourCount);
            Lightmaps = new Lightmap[info.LightmapCount];
            for (var i = 0; i < info.LightmapCount; i++)
                Lightmaps[i] = new Lightmap(i, (Native.LightmapInfo)Marshal.PtrToStructure(
                                                   Native.tod_lightmap(handle, i), typeof(Native.LightmapInfo)));
        }

        ~Archive()
        {
            Close();
        }

        public Transfer Transfer { get; }

        /// <summary>Stored times, ascending in [0, 24).</summary>
        public double[] Hours { get; }

        public Lightmap[] Lightmaps { get; }

        /// <summary>Bytes that the library holds for it, prepared maps included; the archive's own are not.</summary>
        public ulong HeldBytes
        {
            get
            {
                var bytes = Native.tod_held_bytes(Handle);
                GC.KeepAlive(this);
                return bytes;
            }
        }

        private IntPtr Handle
        {
            get
            {
                if (handle == IntPtr.Zero)
                    throw new ObjectDisposedException(nameof(Archive));
                return handle;
            }
        }

        /// <summary>Bytes of a frame in a format, rows side by side.</summary>
        public int FrameBytes(int lightmap, PixelFormat format)
        {
            var item = Lightmaps[lightmap];
            var bytes = (long)item.Height * item.Width * (long)Native.tod_pixel_bytes(format);
            if (bytes > int.MaxValue)
                throw new TodpackException(-3, "frame: expected one that an array holds, found " + bytes + " bytes");
            return (int)bytes;
        }

        /// <summary>Decode a whole frame at a time, 0 &lt;= hour &lt; 24, into an array of the caller's.</summary>
        public void Decode(int lightmap, double hour, PixelFormat format, byte[] pixels)
        {
            var pin = GCHandle.Alloc(pixels, GCHandleType.Pinned);
            try
            {
                Decode(lightmap, hour, format, pin.AddrOfPinnedObject(), pixels.Length);
            }
            finally
            {
                pin.Free();
            }
        }

        /// <summary>The same into memory that does not move, such as a Unity NativeArray's.</summary>
        public void Decode(int lightmap, double hour, PixelFormat format, IntPtr pixels, long byteCount, int stride = 0)
        {
            var target = Native.TargetOf(pixels, byteCount, stride, format);
            var error = new Native.Error();
            if (Native.tod_decode(Handle, lightmap, hour, IntPtr.Zero, ref target, ref error) != 0)
                throw error.ToException();
            GC.KeepAlive(this);
        }

        /// <summary>A region, rows `stride` bytes apart, 0 for rows side by side.</summary>
        public void Decode(int lightmap, double hour, Region region, PixelFormat format, IntPtr pixels, long byteCount,
                           int stride = 0)
        {
            var target = Native.TargetOf(pixels, byteCount, stride, format);
            var error = new Native.Error();
            if (Native.tod_decode_region(Handle, lightmap, hour, ref region, ref target, ref error) != 0)
                throw error.ToException();
            GC.KeepAlive(this);
        }

        /// <summary>The two frames that an engine blends, into memory that does not move. Where no maps are held, tiles
        /// are decoded once for both.</summary>
        public void DecodePair(int lightmap, double first, double second, PixelFormat format, IntPtr firstPixels,
                               IntPtr secondPixels, long byteCount)
        {
            var times = new[] { first, second };
            var targets = new[] { Native.TargetOf(firstPixels, byteCount, 0, format),
                                  Native.TargetOf(secondPixels, byteCount, 0, format) };
            var error = new Native.Error();
            if (Native.tod_decode_times(Handle, lightmap, times, 2, IntPtr.Zero, targets, ref error) != 0)
                throw error.ToException();
            GC.KeepAlive(this);
        }

        /// <summary>Decode the maps of a lightmap and hold them: frames are then cheap.</summary>
        public void Prepare(int lightmap)
        {
            var error = new Native.Error();
            if (Native.tod_prepare(Handle, lightmap, IntPtr.Zero, ref error) != 0)
                throw error.ToException();
            GC.KeepAlive(this);
        }

        /// <summary>Give the maps back.</summary>
        public void Release(int lightmap)
        {
            Native.tod_release(Handle, lightmap);
            GC.KeepAlive(this);
        }

        public void Dispose()
        {
            Close();
            GC.SuppressFinalize(this);
        }

        private void Close()
        {
            Native.tod_close(ref handle);
            if (data.IsAllocated)
                data.Free();
        }
    }

    /// <summary>Two hours of a lightmap around the time of day, refreshed as it goes on.</summary>
    public sealed class FramePair
    {
        private readonly Archive archive;
        private readonly int lightmap;
        private readonly PixelFormat format;

        /// <summary>Buffers of two frames: their bytes are First and Second.</summary>
        public FramePair(Archive archive, int lightmap, PixelFormat format)
        {
            this.archive = archive;
            this.lightmap = lightmap;
            this.format = format;
            First = new byte[archive.FrameBytes(lightmap, format)];
            Second = new byte[First.Length];
            Gap = -1;
        }

        public byte[] First { get; private set; }
        public byte[] Second { get; private set; }

        /// <summary>Which stored hour First is of; Second is of the next one.</summary>
        public int Gap { get; private set; }

        /// <summary>How much of Second to blend in, 0..1.</summary>
        public float Blend { get; private set; }

        /// <summary>Go to a time, 0 &lt;= hour &lt; 24: whether the frames changed and are to be uploaded again. On to
        /// the next gap one frame is decoded, elsewhere two.</summary>
        public bool Refresh(double hour)
        {
            if (!(hour >= 0.0 && hour < 24.0))
                throw new TodpackException(-3, "time: expected hours in [0, 24), found " + hour);
            var hours = archive.Hours;
            var gap = Array.FindLastIndex(hours, h => h <= hour);
            gap = gap < 0 ? hours.Length - 1 : gap;
            var next = (gap + 1) % hours.Length;
            var length = (hours[next] - hours[gap] + 24.0) % 24.0;
            length = length > 0.0 ? length : 24.0;
            Blend = (float)((hour - hours[gap] + 24.0) % 24.0 / length);
            if (gap == Gap)
                return false;
            var isNext = Gap >= 0 && gap == (Gap + 1) % hours.Length;
            Gap = -1; // until both are there
            if (isNext)
            {
                archive.Decode(lightmap, hours[next], format, First);
                var kept = Second;
                Second = First;
                First = kept;
            }
            else
            {
                DecodeBoth(hours[gap], hours[next]);
            }
            Gap = gap;
            return true;
        }

        private void DecodeBoth(double first, double second)
        {
            var one = GCHandle.Alloc(First, GCHandleType.Pinned);
            var other = GCHandle.Alloc(Second, GCHandleType.Pinned);
            try
            {
                archive.DecodePair(lightmap, first, second, format, one.AddrOfPinnedObject(),
                                   other.AddrOfPinnedObject(), First.Length);
            }
            finally
            {
                one.Free();
                other.Free();
            }
        }
    }

    internal static class Native
    {
#if (UNITY_IOS || UNITY_WEBGL) && !UNITY_EDITOR
        private const string Library = "__Internal";
#else
        private const string Library = "todpack";
#endif
        private const int ErrorBytes = 256;

        [StructLayout(LayoutKind.Sequential)]
        internal struct Error
        {
            internal int Status;

            [MarshalAs(UnmanagedType.ByValArray, SizeConst = ErrorBytes)]
            internal byte[] Text;

            internal TodpackException ToException()
            {
                var end = Array.IndexOf(Text, (byte)0);
                return new TodpackException(Status, Encoding.UTF8.GetString(Text, 0, end < 0 ? Text.Length : end));
            }
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct Allocator
        {
            internal IntPtr Allocate, Release, Context;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct Limits
        {
            internal ulong MetadataBytes, MetadataExpansion, FreeMetadataBytes, Sections, SectionBytes,
                SectionExpansion, FreeExpansionBytes, FreeDecodedBytes, Texels, FreeMemoryBytes, MemoryPerByte,
                FreeHeldBytes, HeldPerByte;
            internal double FreeSeconds, SecondsPerByte;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct Options
        {
            internal uint Version;
            internal Gutters Gutters;
            internal Allocator Held, Scratch;
            internal Limits Limits;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct ArchiveInfo
        {
            internal int Major, Minor, LightmapCount;
            internal Transfer Transfer;
            internal int HourCount;
            internal IntPtr Hours;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct LightmapInfo
        {
            internal IntPtr Name;
            internal int Height, Width, ValidTexels, Maps, Tile;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct Target
        {
            internal IntPtr Pixels;
            internal UIntPtr Stride, ByteCount;
            internal PixelFormat Format;
        }

        internal static Target TargetOf(IntPtr pixels, long byteCount, int stride, PixelFormat format)
        {
            return new Target { Pixels = pixels, Stride = (UIntPtr)checked((uint)stride),
                                ByteCount = (UIntPtr)checked((ulong)byteCount), Format = format };
        }

        internal static string TextOf(IntPtr text)
        {
            var n = 0;
            while (Marshal.ReadByte(text, n) != 0)
                n++;
            var bytes = new byte[n];
            Marshal.Copy(text, bytes, 0, n);
            return Encoding.UTF8.GetString(bytes);
        }

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern uint tod_version();

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern void tod_default_options_of(ref Options options, uint version);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int tod_open(IntPtr data, UIntPtr byteCount, ref Options options, out IntPtr archive,
                                            ref Error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern void tod_close(ref IntPtr archive);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern IntPtr tod_archive(IntPtr archive);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern IntPtr tod_lightmap(IntPtr archive, int index);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern UIntPtr tod_pixel_bytes(PixelFormat format);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int tod_decode(IntPtr archive, int lightmap, double hour, IntPtr region,
                                              ref Target target, ref Error error);

        [DllImport(Library, EntryPoint = "tod_decode", CallingConvention = CallingConvention.Cdecl)]
        internal static extern int tod_decode_region(IntPtr archive, int lightmap, double hour, ref Region region,
                                                     ref Target target, ref Error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int tod_decode_times(IntPtr archive, int lightmap, double[] hours, int count,
                                                    IntPtr region, [In] Target[] targets, ref Error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern int tod_prepare(IntPtr archive, int lightmap, IntPtr region, ref Error error);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern void tod_release(IntPtr archive, int lightmap);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]
        internal static extern ulong tod_held_bytes(IntPtr archive);
    }
}

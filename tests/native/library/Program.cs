// Uses the C# binding as a game would: Program ARCHIVE prints SHA-256 of frames, and what else it found.
using System;
using System.IO;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Todpack;

internal static class Program
{
    private static string Digest(byte[] bytes)
    {
        using (var sha = SHA256.Create())
            return BitConverter.ToString(sha.ComputeHash(bytes)).Replace("-", "").ToLowerInvariant();
    }

    private static int Main(string[] arguments)
    {
        var bytes = File.ReadAllBytes(arguments[0]);
        using (var archive = new Archive(bytes, Gutters.Mean))
        {
            var lightmap = archive.Lightmaps[0];
            Console.WriteLine(lightmap.Name + " " + lightmap.Width + " " + lightmap.Height + " " + archive.Hours.Length +
                              " " + archive.Transfer);
            var pixels = new byte[archive.FrameBytes(0, PixelFormat.Rgb8)];
            foreach (var hour in new[] { 0.0, 5.0, 12.0, 23.0 })
            {
                archive.Decode(0, hour, PixelFormat.Rgb8, pixels);
                Console.WriteLine(Digest(pixels));
            }
            Refresh(archive);
            Errors(archive, pixels);
            var before = archive.HeldBytes;
            archive.Prepare(0);
            Console.WriteLine(archive.HeldBytes > before ? "held" : "not held");
            archive.Release(0);
            Console.WriteLine(archive.HeldBytes == before ? "released" : "not released");
        }
        try
        {
            new Archive(new byte[] { 1, 2, 3 });
        }
        catch (TodpackException error)
        {
            Console.WriteLine(error.Status + " " + error.Message);
        }
        return 0;
    }

    // Around the day in steps of twenty minutes: both frames are the archive's at all times.
    private static void Refresh(Archive archive)
    {
        var pair = new FramePair(archive, 0, PixelFormat.Rgba8);
        foreach (var hour in new[] { double.NaN, -0.5, 24.0 })
        {
            try
            {
                pair.Refresh(hour);
                throw new Exception("a time of " + hour + " was taken");
            }
            catch (TodpackException error) when (error.Status == -3)
            {
            }
        }
        var expected = new byte[pair.First.Length];
        var refreshes = 0;
        for (var step = 0; step < 100; step++)
        {
            var hour = (22.0 + step / 3.0) % 24.0;
            refreshes += pair.Refresh(hour) ? 1 : 0;
            archive.Decode(0, archive.Hours[pair.Gap], PixelFormat.Rgba8, expected);
            if (Digest(expected) != Digest(pair.First))
                throw new Exception("the first frame is another");
            archive.Decode(0, archive.Hours[(pair.Gap + 1) % archive.Hours.Length], PixelFormat.Rgba8, expected);
            if (Digest(expected) != Digest(pair.Second))
                throw new Exception("the second frame is another");
            if (Math.Abs(pair.Blend - (hour - Math.Floor(hour))) > 1e-5)
                throw new Exception("blend " + pair.Blend + " at " + hour);
        }
        Console.WriteLine("refreshes " + refreshes);
    }

    private static void Errors(Archive archive, byte[] pixels)
    {
        try
        {
            archive.Decode(0, 24.0, PixelFormat.Rgb8, pixels);
        }
        catch (TodpackException error)
        {
            Console.WriteLine(error.Status + " " + error.Message);
        }
        var pin = GCHandle.Alloc(pixels, GCHandleType.Pinned);
        try
        {
            archive.Decode(0, 1.0, new Region(0, 2, 0, 2), PixelFormat.Rgb8, pin.AddrOfPinnedObject(), 12);
            Console.WriteLine("region");
            archive.Decode(0, 1.0, new Region(0, 2, 0, 2), PixelFormat.Rgb8, pin.AddrOfPinnedObject(), 11);
        }
        catch (TodpackException error)
        {
            Console.WriteLine(error.Status + " " + error.Message);
        }
        finally
        {
            pin.Free();
        }
    }
}

using System.ComponentModel.DataAnnotations;

namespace Annotator.Core.Media;

/// <summary>Bounds on images, videos and archives that people send; section <c>Annotator:Media</c>.</summary>
public sealed class MediaOptions
{
    /// <summary>Largest image file in megabytes.</summary>
    /// <value>Default 100; 1 to 2,000.</value>
    [Range(1, 2_000)]
    public int ImageMegabytes { get; set; } = 100;

    /// <summary>Largest image in millions of pixels.</summary>
    /// <value>Default 128; 1 to 1,000.</value>
    [Range(1, 1_000)]
    public int Megapixels { get; set; } = 128;

    /// <summary>Largest video file in megabytes.</summary>
    /// <value>Default 20,000; 1 to 1,000,000.</value>
    [Range(1, 1_000_000)]
    public int VideoMegabytes { get; set; } = 20_000;

    /// <summary>Most files in an archive.</summary>
    /// <value>Default 200,000; 1 to 10,000,000.</value>
    [Range(1, 10_000_000)]
    public int ArchiveFiles { get; set; } = 200_000;

    /// <summary>Most megabytes that the files of an archive may have together when they are unpacked.</summary>
    /// <value>Default 50,000; 1 to 10,000,000.</value>
    [Range(1, 10_000_000)]
    public int ArchiveMegabytes { get; set; } = 50_000;

    /// <summary>How many times larger than packed a file of an archive may be: more is a bomb. Files below a megabyte are not counted.</summary>
    /// <value>Default 200; 10 to 100,000.</value>
    [Range(10, 100_000)]
    public int ArchiveRatio { get; set; } = 200;

    /// <summary>Largest file of annotations (COCO, CVAT, …) in megabytes; it is read into memory.</summary>
    /// <value>Default 512; 1 to 4,000.</value>
    [Range(1, 4_000)]
    public int AnnotationMegabytes { get; set; } = 512;

    /// <summary>Longest side of a thumbnail in pixels.</summary>
    /// <value>Default 320; 64 to 2,048.</value>
    [Range(64, 2_048)]
    public int ThumbnailPixels { get; set; } = 320;

    /// <summary>Minutes for which a signed address of an image or video works, unless less is asked for.</summary>
    /// <value>Default 1,440 (a day); 1 to 527,040 (a year).</value>
    [Range(1, 527_040)]
    public int LinkMinutes { get; set; } = 1_440;

    /// <summary>Images of more millions of pixels than this are shown by parts at several scales, so that a browser never decodes the whole.</summary>
    /// <value>Default 24; 1 to 1,000.</value>
    [Range(1, 1_000)]
    public int TiledMegapixels { get; set; } = 24;

    /// <summary>Megabytes on this machine for the parts of large images; those that were looked at longest ago go first.</summary>
    /// <value>Default 8,000; 100 to 1,000,000.</value>
    [Range(100, 1_000_000)]
    public int TileMegabytes { get; set; } = 8_000;

    /// <summary>Hosts whose images and videos are fetched and kept when a table of addresses is imported: names, or <c>*.example.org</c> for all below one. Other addresses stay addresses.</summary>
    /// <value>Default none.</value>
    public string[] FetchedHosts { get; set; } = [];

    /// <summary>The object store that addresses <c>s3://bucket/key</c> of such tables are fetched from.</summary>
    public S3Options S3 { get; set; } = new();
}

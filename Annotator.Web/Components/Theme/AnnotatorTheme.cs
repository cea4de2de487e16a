using System.Text;
using System.Text.RegularExpressions;
using MudBlazor;

namespace Annotator.Web.Components.Theme;

/// <summary>
/// MudBlazor's theme in our colours, for light and dark, written once as style sheet text. The same colours stand in
/// <c>wwwroot/css/tokens.css</c>; a test holds the two together.
/// </summary>
internal static class AnnotatorTheme
{
    /// <summary>Colours of a scheme by the names that <c>tokens.css</c> gives them.</summary>
    public sealed record Colors(
        string Background, string Surface, string Surface2, string Text, string Muted, string Border, string BorderStrong,
        string Accent, string AccentText, string Ok, string Warn, string Danger, string Llm);

    public static Colors Light { get; } = new(
        "#f4f6f6", "#ffffff", "#ebefef", "#1a2123", "#546064", "#d4dbdc", "#7f8a8e", "#0b6572", "#ffffff", "#1f6f3c", "#875100", "#ac2b28", "#5b43b5");

    public static Colors Dark { get; } = new(
        "#13181a", "#1a2022", "#23292c", "#e4eaeb", "#a3afb3", "#31393d", "#77848a", "#62c2cd", "#05252a", "#6cc48a", "#e0aa54", "#f08f86", "#b3a4f2");

    private const string Font =
        "ui-sans-serif, system-ui, -apple-system, \"Segoe UI\", Roboto, \"Apple SD Gothic Neo\", \"Malgun Gothic\", \"Noto Sans KR\", \"Noto Sans CJK KR\", sans-serif";

    /// <summary>
    /// Custom properties of both schemes: light, dark where the system is dark and the page does not say light, and dark
    /// where the page says so. The browser chooses, so a page never shows the wrong one first.
    /// </summary>
    public static string StyleSheet { get; } = Write();

    private static string Write()
    {
        var light = Variables(Palette(new PaletteLight(), Light));
        var dark = Variables(Palette(new PaletteLight(), Dark));
        return $":root{{{light}}}@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}:root[data-theme=dark]{{{dark}}}";
    }

    private static PaletteLight Palette(PaletteLight palette, Colors c)
    {
        palette.Primary = c.Accent;
        palette.PrimaryContrastText = c.AccentText;
        palette.Secondary = c.Llm;
        palette.SecondaryContrastText = c.AccentText;
        palette.Tertiary = c.Muted;
        palette.TertiaryContrastText = c.Surface;
        palette.Info = c.Accent;
        palette.InfoContrastText = c.AccentText;
        palette.Success = c.Ok;
        palette.SuccessContrastText = c.AccentText;
        palette.Warning = c.Warn;
        palette.WarningContrastText = c.AccentText;
        palette.Error = c.Danger;
        palette.ErrorContrastText = c.AccentText;
        palette.Dark = c.Text;
        palette.DarkContrastText = c.Surface;
        palette.TextPrimary = c.Text;
        palette.TextSecondary = c.Muted;
        palette.TextDisabled = c.BorderStrong;
        palette.ActionDefault = c.Muted;
        palette.ActionDisabled = c.BorderStrong;
        palette.ActionDisabledBackground = c.Surface2;
        palette.Background = c.Background;
        palette.BackgroundGray = c.Surface2;
        palette.Surface = c.Surface;
        palette.DrawerBackground = c.Surface;
        palette.DrawerText = c.Text;
        palette.DrawerIcon = c.Muted;
        palette.AppbarBackground = c.Surface;
        palette.AppbarText = c.Text;
        palette.LinesDefault = c.Border;
        palette.LinesInputs = c.BorderStrong;
        palette.TableLines = c.Border;
        palette.TableStriped = c.Surface2;
        palette.TableHover = c.Surface2;
        palette.Divider = c.Border;
        palette.DividerLight = c.Border;
        palette.Skeleton = c.Surface2;
        palette.RippleOpacity = 0.06;
        palette.HoverOpacity = 0.07;
        return palette;
    }

    private static MudTheme Theme(PaletteLight palette) => new()
    {
        PaletteLight = palette,
        LayoutProperties = new LayoutProperties { DefaultBorderRadius = "6px", AppbarHeight = "48px" },
        Typography = new Typography
        {
            Default = new DefaultTypography { FontFamily = [Font], FontSize = ".875rem", LineHeight = "1.5", LetterSpacing = "normal" },
            H1 = new H1Typography { FontFamily = [Font], FontSize = "1.375rem", FontWeight = "650", LineHeight = "1.25", LetterSpacing = "-.01em" },
            H2 = new H2Typography { FontFamily = [Font], FontSize = "1.125rem", FontWeight = "650", LineHeight = "1.3", LetterSpacing = "-.005em" },
            H3 = new H3Typography { FontFamily = [Font], FontSize = "1rem", FontWeight = "650", LineHeight = "1.35", LetterSpacing = "normal" },
            H4 = new H4Typography { FontFamily = [Font], FontSize = ".9375rem", FontWeight = "650", LineHeight = "1.4", LetterSpacing = "normal" },
            H5 = new H5Typography { FontFamily = [Font], FontSize = ".9375rem", FontWeight = "650", LineHeight = "1.4", LetterSpacing = "normal" },
            H6 = new H6Typography { FontFamily = [Font], FontSize = ".9375rem", FontWeight = "650", LineHeight = "1.4", LetterSpacing = "normal" },
            Subtitle1 = new Subtitle1Typography { FontFamily = [Font], FontSize = ".9375rem", LineHeight = "1.5", LetterSpacing = "normal" },
            Subtitle2 = new Subtitle2Typography { FontFamily = [Font], FontSize = ".875rem", FontWeight = "600", LineHeight = "1.5", LetterSpacing = "normal" },
            Body1 = new Body1Typography { FontFamily = [Font], FontSize = ".875rem", LineHeight = "1.5", LetterSpacing = "normal" },
            Body2 = new Body2Typography { FontFamily = [Font], FontSize = ".875rem", LineHeight = "1.45", LetterSpacing = "normal" },
            Button = new ButtonTypography { FontFamily = [Font], FontSize = ".875rem", FontWeight = "550", LineHeight = "1.5", LetterSpacing = "normal", TextTransform = "none" },
            Caption = new CaptionTypography { FontFamily = [Font], FontSize = ".8125rem", LineHeight = "1.4", LetterSpacing = "normal" },
            Overline = new OverlineTypography { FontFamily = [Font], FontSize = ".75rem", LineHeight = "1.4", LetterSpacing = "normal", TextTransform = "none" },
        },
    };

    private static string Variables(PaletteLight palette)
    {
        var text = new StringBuilder();
        new Writer(Theme(palette)).AppendTo(text);
        return Regex.Replace(text.ToString(), "\\s*\\n\\s*", "", RegexOptions.None, TimeSpan.FromSeconds(1));
    }

    // The provider knows how to write a theme; as a component it could only ever write one of the two schemes, and only
    // after the circuit is there.
    private sealed class Writer : MudThemeProvider
    {
        public Writer(MudTheme theme)
        {
#pragma warning disable BL0005 // No renderer is involved: the provider is used for its text alone.
            Theme = theme;
#pragma warning restore BL0005
        }

        public void AppendTo(StringBuilder text) => GenerateTheme(text);
    }
}

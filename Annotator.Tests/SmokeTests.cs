namespace Annotator.Tests;

public class SmokeTests
{
    [Fact]
    public void Solution_Builds() => Assert.NotNull(typeof(Annotator.Web.AnnotatorApp));
}

using Annotator.Core.Llm;

namespace Annotator.Tests.Llm;

public class PersonalDataTests
{
    [Theory]
    [InlineData("Write to jane.doe+x@mail.example.co.uk please", "Write to [EMAIL] please")]
    [InlineData("메일은 홍길동@예시.한국 입니다", "메일은 [EMAIL] 입니다")]
    [InlineData("card 4111 1111 1111 1111, thanks", "card [CARD], thanks")]
    [InlineData("card 5500-0000-0000-0004.", "card [CARD].")]
    [InlineData("card 4111 1111 1111 1112 is no card", "card 4111 1111 1111 1112 is no card")]
    [InlineData("IBAN DE89 3704 0044 0532 0130 00 ok", "IBAN [IBAN] ok")]
    [InlineData("GB82WEST12345698765432", "[IBAN]")]
    [InlineData("주민번호 900101-1234567 입니다", "주민번호 [RRN] 입니다")]
    [InlineData("901301-1234567 has no such month", "901301-1234567 has no such month")]
    [InlineData("call +82 10-1234-5678 now", "call [PHONE] now")]
    [InlineData("010-1234-5678", "[PHONE]")]
    [InlineData("(02) 123-4567", "[PHONE]")]
    [InlineData("order 12345678 of 2024-05-06 for 1,299.00", "order 12345678 of 2024-05-06 for 1,299.00")]
    [InlineData("nothing at all", "nothing at all")]
    [InlineData("", "")]
    public void Mask_FindsWhatHasAForm_AndNothingElse(string text, string expected) => Assert.Equal(expected, PersonalData.Mask(text));

    [Fact]
    public void Mask_HostileLength_Ends()
    {
        // What a careless expression would try in as many ways as there are pieces.
        foreach (var text in (string[])[new string('0', 100_000), string.Concat(Enumerable.Repeat("1 ", 50_000)), new string('a', 100_000) + "@", string.Concat(Enumerable.Repeat("a.", 50_000)) + "@x"])
            Assert.NotEmpty(PersonalData.Mask(text));
    }
}

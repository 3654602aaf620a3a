package dataset

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestNormalize(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, in, want string }{
		{"empty", "", ""},
		{"only space", " \t\r\n ", ""},
		{"lower case", "Hello World", "hello world"},
		{"punctuation apart", "Hello,world!", "hello , world !"},
		{"each punctuation alone", "what?!...", "what ? ! . . ."},
		{"apostrophe", "I can't", "i can ' t"},
		{"symbols and money", "pay $20+VAT", "pay $ 20 + vat"},
		{"numbers", "3.14 1,000", "3 . 14 1 , 000"},
		{"line break", "one<br>two<br/>three<BR />four</br>five", "one two three four five"},
		{"line break at the ends", "<br><br />x<br>", "x"},
		{"line break with white space", "a<br \n/>b", "a b"},
		{"not a line break", "a <brown> b<br", "a < brown > b < br"},
		{"other tags stay", "<p>x</p>", "< p > x < / p >"},
		{"white space", "a\u00a0b\u2003c\u2028d\u200be\x00f\x7fg", "a b c d e f g"},
		{"label token can't be sent", "__label__spam hello", "_ _ label _ _ spam hello"},
		{"end of line token can't be sent", "a </s> b", "a < / s > b"},
		{"accents", "ÀÉÎ Straße ΩMEGA Привет", "àéî straße ωmega привет"},
		{"typographic", "“Don’t” – ever…", "“ don ’ t ” – ever …"},
		{"combining mark stays", "cafe\u0301 X", "cafe\u0301 x"},
		{"emoji apart", "great😀😀ok", "great 😀 😀 ok"},
		{"emoji with selector", "I❤\ufe0fyou", "i ❤\ufe0f you"},
		{"skin tone", "ok👍🏽ok", "ok 👍🏽 ok"},
		{"joined emoji", "a👩\u200d💻b", "a 👩\u200d💻 b"},
		{"joiner before a word", "❤\u200dabc", "❤\u200d abc"},
		{"joiner before ascii punctuation", "❤\u200d<br>", "❤\u200d"},
		{"han", "你好world", "你 好 world"},
		{"hiragana and katakana", "カメラです", "カメラ で す"},
		{"soft hyphen and byte order mark", "\ufeffco\u00adop", "coop"},
		{"zero width non-joiner", "می\u200cخواهم", "می\u200cخواهم"},
		{"invalid bytes", "caf\xe9 \xff\xfe", "caf\ufffd \ufffd\ufffd"},
		{"turkish dotted i", "İstanbul", "istanbul"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := Normalize(test.in)
			if got != test.want {
				t.Errorf("Normalize(%q) = %q, want %q", test.in, got, test.want)
			}
			if again := Normalize(got); again != got {
				t.Errorf("not idempotent: %q then %q", got, again)
			}
			if appended := string(AppendNormalized([]byte("x "), test.in)); appended != "x "+test.want {
				t.Errorf("AppendNormalized = %q", appended)
			}
		})
	}
}

// Every character, alone and between others, is stable under a second pass. Above
// U+20000 there are only Han, tags and private characters: a sample is enough.
func TestNormalizeIsIdempotentForEveryRune(t *testing.T) {
	t.Parallel()
	var text []byte
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) || r >= 0x20000 && r>>9 != 0xe0000>>9 && r%509 != 0 {
			continue
		}
		text = text[:0]
		for _, around := range []string{"", "A", " ", "!", "❤", "字", "<br", "\u0301"} {
			text = append(text, around...)
			text = utf8.AppendRune(text, r)
		}
		once := Normalize(string(text))
		checkNormalized(t, once)
		if t.Failed() {
			t.Fatalf("rune %U", r)
		}
	}
}

func checkNormalized(t *testing.T, text string) {
	t.Helper()
	if again := Normalize(text); again != text {
		t.Errorf("a second pass makes %q of %q", again, text)
	}
	if !utf8.ValidString(text) {
		t.Errorf("not UTF-8: %q", text)
	}
	if strings.Contains(text, "  ") || strings.TrimSpace(text) != text || strings.ContainsAny(text, "\n\r\t\v\f\x00") {
		t.Errorf("white space left: %q", text)
	}
	for token := range strings.FieldsSeq(text) {
		if strings.HasPrefix(token, DefaultLabelPrefix) || token == "</s>" {
			t.Errorf("a token with a meaning: %q", token)
		}
	}
}

func FuzzNormalize(f *testing.F) {
	for _, seed := range []string{"Hello, World", "<br", "</br \t/>", "❤\ufe0f\u200d🔥x", "\xff__label__a", "e\u0301", "你\u200d好", "\u00ad<\u00adbr>"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) { checkNormalized(t, Normalize(text)) })
}

func TestAppendNormalizedDoesNotAllocate(t *testing.T) {
	text := strings.Repeat("Hello, World! It's <br /> fine\tnow. ", 20) + "ÀÉ 😀 привет"
	dst := make([]byte, 0, 2*len(text))
	if allocations := testing.AllocsPerRun(100, func() { dst = AppendNormalized(dst[:0], text) }); allocations != 0 {
		t.Errorf("%v allocations, want none", allocations)
	}
}

func BenchmarkAppendNormalized(b *testing.B) {
	for _, text := range []struct{ name, text string }{
		{"ascii", strings.Repeat("I am still waiting on my card, and it's been 2 weeks! ", 20)},
		{"cyrillic", strings.Repeat("Где моя карта, я жду уже две недели! ", 20)},
		{"han", strings.Repeat("我的卡还没有到，已经两个星期了。", 20)},
	} {
		b.Run(text.name, func(b *testing.B) {
			dst := make([]byte, 0, 4*len(text.text))
			b.SetBytes(int64(len(text.text)))
			for b.Loop() {
				dst = AppendNormalized(dst[:0], text.text)
			}
		})
	}
}

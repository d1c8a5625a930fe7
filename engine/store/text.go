package store

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

func validText(s string) bool { return utf8.ValidString(s) }

// Fold maps texts that differ only in case to the same text, rune by rune
// (Unicode simple case folding).
func Fold(s string) string { return strings.Map(foldRune, s) }

// ContainsFold reports whether text holds the needle, whatever the case of
// text. The needle must have gone through [Fold].
func ContainsFold(text, folded string) bool {
	if folded == "" {
		return true
	}
	first, size := utf8.DecodeRuneInString(folded)
	rest := folded[size:]
	for i, r := range text {
		if foldRune(r) == first && hasPrefixFold(text[i+utf8.RuneLen(r):], rest) {
			return true
		}
	}
	return false
}

func hasPrefixFold(text, folded string) bool {
	for _, want := range folded {
		r, size := utf8.DecodeRuneInString(text)
		if size == 0 || foldRune(r) != want {
			return false
		}
		text = text[size:]
	}
	return true
}

// foldRune returns the smallest rune that equals r but for case.
func foldRune(r rune) rune {
	if r < utf8.RuneSelf {
		if 'a' <= r && r <= 'z' {
			r -= 'a' - 'A'
		}
		return r
	}
	least := r
	for o := unicode.SimpleFold(r); o != r; o = unicode.SimpleFold(o) {
		least = min(least, o)
	}
	return least
}

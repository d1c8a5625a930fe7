package value

import (
	"math"
	"testing"
)

func TestExceeds(t *testing.T) {
	t.Parallel()
	built := Object("a", Array(Int(1), Number(math.NaN()), Number(0.5), Null), "b\n", String("é\x01\"\\\t"), "c", Object(), "d", True, "e", Array())
	for name, v := range map[string]Value{
		"absent": Absent, "null": Null, "false": False, "text": String("ab"), "built": built, "parsed": MustParse(built.String()),
		"loose": MustParse(`{ "a" : [ 1 , "\u00e9" ] }`), "within": Array(built, MustParse(`[1,2,3]`)),
	} {
		n := len(v.AppendJSON(nil))
		if v.Exceeds(n) || !v.Exceeds(n-1) {
			t.Errorf("%s has %d bytes: exceeds that %v, exceeds one less %v", name, n, v.Exceeds(n), v.Exceeds(n-1))
		}
		for most := range n {
			if !v.Exceeds(most) {
				t.Errorf("%s of %d bytes does not exceed %d", name, n, most)
			}
		}
	}
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	a, b := MustParse(`[1,2]`), MustParse(`[1,2]`)
	if a.Identity() == b.Identity() {
		t.Error("two values have one identity")
	}
	if o := Object("x", a); o.Get("x").Identity() != a.Identity() {
		t.Error("a value changes its identity within another")
	}
	if a.Known() != "[1,2]" || Array(Int(1)).Known() != "" || Absent.Known() != "" {
		t.Errorf("known texts %q, %q, %q", a.Known(), Array(Int(1)).Known(), Absent.Known())
	}
}

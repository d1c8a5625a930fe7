package value_test

import (
	"testing"

	"github.com/heddlehq/heddle/workflows/value"
)

func TestWriter(t *testing.T) {
	var w value.Writer
	w.Open("", '{')
	w.Text("text", "a \"b\"")
	w.OptText("none", "")
	w.Int("zero", 0)
	w.OptInt("none", 0)
	w.OptInt("int", -7)
	w.OptTrue("yes", true)
	w.OptTrue("none", false)
	w.OptNumber("half", 0.5)
	w.OptNumber("none", 0)
	w.Value("null", value.Absent)
	w.OptValue("none", value.Absent)
	w.OptValue("value", value.Object("x", value.Int(1)))
	w.Texts("empty", nil)
	w.OptTexts("none", nil)
	w.OptTexts("texts", []string{"a", "\n"})
	w.Open("list", '[')
	w.Open("", '{')
	w.Close('}')
	w.Open("", '[')
	w.Comma()
	w.Buf = append(w.Buf, '1')
	w.Comma()
	w.Buf = append(w.Buf, '2')
	w.Close(']')
	w.Close(']')
	w.Text("last", "")
	w.Close('}')
	const want = `{"text":"a \"b\"","zero":0,"int":-7,"yes":true,"half":0.5,"null":null,"value":{"x":1},"empty":[],"texts":["a","\n"],"list":[{},[1,2]],"last":""}`
	if got := string(w.Buf); got != want {
		t.Errorf("written is\n%s\nwant\n%s", got, want)
	}
	if _, err := value.Parse(w.Buf); err != nil {
		t.Error(err)
	}
}

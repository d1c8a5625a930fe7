package builtin

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/heddlehq/heddle/workflows/value"
)

func workbookFile(t testing.TB, parts map[string]string) value.Value {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, text := range parts {
		f, err := w.Create(name)
		if err == nil {
			_, err = f.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return value.String(base64.StdEncoding.EncodeToString(b.Bytes()))
}

func sampleParts() map[string]string {
	return map[string]string{
		"xl/workbook.xml":            `<workbook xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="One" sheetId="1" r:id="rId1"/><sheet name="Two" sheetId="2" r:id="rId2"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="rId1" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Target="/xl/worksheets/sheet2.xml"/></Relationships>`,
		"xl/sharedStrings.xml":       `<sst><si><t>name</t></si><si><r><t>a</t></r><r><t>b</t></r></si></sst>`,
		"xl/worksheets/sheet1.xml":   `<worksheet><sheetData><row><c r="A1" t="s"><v>0</v></c><c r="C1" t="inlineStr"><is><t>on</t></is></c></row><row><c r="A2" t="s"><v>1</v></c><c r="B2"><v>1.5</v></c><c r="C2" t="b"><v>1</v></c></row></sheetData></worksheet>`,
		"xl/worksheets/sheet2.xml":   `<worksheet><sheetData/></worksheet>`,
	}
}

func TestExcelToJson(t *testing.T) {
	t.Parallel()
	run := lookup(t, "excelToJson").Run
	file := workbookFile(t, sampleParts())
	got := run(&Call{Incoming: value.Object("excel", file)})
	if want := `{"json":{"One":[{"name":"ab","field2":1.5,"on":true}],"Two":[]}}`; got.Outgoing.String() != want {
		t.Errorf("got %s %s, want %s", got.Outgoing, got.Error, want)
	}
	got = run(&Call{Incoming: value.Object("excel", file, "sheet", value.String("One"))})
	if want := `{"json":[{"name":"ab","field2":1.5,"on":true}]}`; got.Outgoing.String() != want {
		t.Errorf("one sheet: got %s %s, want %s", got.Outgoing, got.Error, want)
	}
	for text, change := range map[string]func(map[string]string){
		"no sheets":   func(p map[string]string) { delete(p, "xl/workbook.xml") },
		"lacks":       func(p map[string]string) { delete(p, "xl/worksheets/sheet1.xml") },
		"shared text": func(p map[string]string) { p["xl/sharedStrings.xml"] = `<sst/>` },
		"columns": func(p map[string]string) {
			p["xl/worksheets/sheet1.xml"] = `<worksheet><row><c r="ZZZZ1"><v>1</v></c></row></worksheet>`
		},
		"is broken": func(p map[string]string) { p["xl/worksheets/sheet2.xml"] = `<worksheet><row></worksheet>` },
		"is larger": func(p map[string]string) { p["xl/sharedStrings.xml"] = "<sst>" + strings.Repeat(" ", maxPart) },
	} {
		parts := sampleParts()
		change(parts)
		got := run(&Call{Incoming: value.Object("excel", workbookFile(t, parts))})
		if !strings.Contains(got.Error.Get("message").Text(), text) {
			t.Errorf("%q expected in %q", text, got.Error.Get("message").Text())
		}
	}
}

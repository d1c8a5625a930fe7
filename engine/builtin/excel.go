package builtin

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/heddlehq/heddle/workflows/value"
)

// The limits of a workbook.
const (
	maxPart    = 64 << 20 // bytes of one unpacked part
	maxCells   = 1_000_000
	maxColumns = 16_384
)

// readExcel reads the cells of an .xlsx file: numbers and booleans as such, everything else
// as text. Dates are the numbers that Excel stores.
func readExcel(in value.Value) (value.Value, error) {
	data, err := base64.StdEncoding.DecodeString(strings.TrimSpace(in.Get("excel").Text()))
	if err != nil {
		return value.Absent, badData("\"excel\" must be a file in base64: %s", err)
	}
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return value.Absent, badData("\"excel\" is no workbook: %s", err)
	}
	b := &workbook{archive: archive, left: maxCells}
	sheets, err := b.sheets()
	if err != nil {
		return value.Absent, err
	}
	wanted := in.Get("sheet").Text()
	var all value.Members
	for _, s := range sheets {
		if wanted != "" && s.name != wanted {
			continue
		}
		rows, err := b.rows(s.part)
		if err != nil {
			return value.Absent, err
		}
		if wanted != "" {
			return records(rows), nil
		}
		all.Set(s.name, records(rows))
	}
	if wanted != "" {
		return value.Absent, badData("the workbook has no sheet %q", clip(wanted))
	}
	return all.Value(), nil
}

type workbook struct {
	archive *zip.Reader
	shared  []string
	left    int // cells that may still be read
}

type sheet struct{ name, part string }

// decode reads one part of the workbook; a part that is not there leaves v as it is.
func (b *workbook) decode(part string, v any) error {
	f, err := b.archive.Open(part)
	if err != nil {
		return nil // an optional part may be missing; a required one shows by being empty
	}
	defer f.Close()
	r := &limited{r: f, left: maxPart}
	if err := xml.NewDecoder(r).Decode(v); err != nil {
		return broken(part, err)
	}
	return nil
}

func broken(part string, err error) error {
	if p := (*problem)(nil); errors.As(err, &p) {
		return p
	}
	return badData("the workbook's part %s is broken: %s", part, err)
}

// limited is a reader that ends in error after so many bytes.
type limited struct {
	r    io.Reader
	left int
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= n; l.left < 0 {
		return 0, tooMuch("a part of the workbook is larger than %d bytes", maxPart)
	}
	return n, err
}

// sheets lists the workbook's sheets in their order and reads the shared texts.
func (b *workbook) sheets() ([]sheet, error) {
	var book struct {
		Sheets []struct {
			Name string `xml:"name,attr"`
			ID   string `xml:"http://schemas.openxmlformats.org/officeDocument/2006/relationships id,attr"`
		} `xml:"sheets>sheet"`
	}
	var relations struct {
		All []struct {
			ID     string `xml:"Id,attr"`
			Target string `xml:"Target,attr"`
		} `xml:"Relationship"`
	}
	var texts struct {
		All []struct {
			Text string   `xml:"t"`
			Runs []string `xml:"r>t"`
		} `xml:"si"`
	}
	for part, v := range map[string]any{
		"xl/workbook.xml": &book, "xl/_rels/workbook.xml.rels": &relations, "xl/sharedStrings.xml": &texts,
	} {
		if err := b.decode(part, v); err != nil {
			return nil, err
		}
	}
	if len(book.Sheets) == 0 {
		return nil, badData("\"excel\" is no workbook: it has no sheets")
	}
	for _, t := range texts.All {
		b.shared = append(b.shared, t.Text+strings.Join(t.Runs, ""))
	}
	var out []sheet
	for _, s := range book.Sheets {
		for _, r := range relations.All {
			if r.ID == s.ID {
				out = append(out, sheet{s.Name, strings.TrimPrefix(path.Join("/xl", r.Target), "/")})
				if strings.HasPrefix(r.Target, "/") {
					out[len(out)-1].part = strings.TrimPrefix(r.Target, "/")
				}
			}
		}
	}
	return out, nil
}

type cell struct {
	At     string   `xml:"r,attr"`
	Type   string   `xml:"t,attr"`
	Value  string   `xml:"v"`
	Inline string   `xml:"is>t"`
	Runs   []string `xml:"is>r>t"`
}

// rows reads the cells of a sheet; those that are empty are "".
func (b *workbook) rows(part string) ([][]value.Value, error) {
	f, err := b.archive.Open(part)
	if err != nil {
		return nil, badData("the workbook lacks the part %s", part)
	}
	defer f.Close()
	d := xml.NewDecoder(&limited{r: f, left: maxPart})
	var rows [][]value.Value
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, broken(part, err)
		}
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Local != "row" {
			continue
		}
		var row struct {
			Cells []cell `xml:"c"`
		}
		if err := d.DecodeElement(&row, &start); err != nil {
			return nil, broken(part, err)
		}
		cells, err := b.row(row.Cells)
		if err != nil {
			return nil, err
		}
		rows = append(rows, cells)
	}
}

func (b *workbook) row(cells []cell) ([]value.Value, error) {
	var out []value.Value
	for _, c := range cells {
		column := len(out)
		if n, ok := columnOf(c.At); ok && n >= column {
			column = n
		}
		if b.left -= column - len(out) + 1; b.left < 0 || column >= maxColumns {
			return nil, tooMuch("the workbook has more than %d cells or %d columns", maxCells, maxColumns)
		}
		for len(out) < column {
			out = append(out, value.String(""))
		}
		v, err := b.cell(c)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func (b *workbook) cell(c cell) (value.Value, error) {
	switch c.Type {
	case "s":
		i, err := strconv.Atoi(c.Value)
		if err != nil || i < 0 || i >= len(b.shared) {
			return value.Absent, badData("the cell %s names the shared text %q, which does not exist", c.At, clip(c.Value))
		}
		return value.String(b.shared[i]), nil
	case "inlineStr":
		return value.String(c.Inline + strings.Join(c.Runs, "")), nil
	case "b":
		return value.Bool(c.Value == "1"), nil
	case "", "n":
		if f, err := strconv.ParseFloat(c.Value, 64); err == nil {
			return value.Number(f), nil
		}
	}
	return value.String(c.Value), nil
}

// columnOf is the index of a cell's column: that of "C7" is 2.
func columnOf(at string) (int, bool) {
	n := 0
	for i := range len(at) {
		c := at[i]
		if c < 'A' || c > 'Z' {
			return n - 1, i > 0
		}
		if n = n*26 + int(c-'A') + 1; n > maxColumns {
			return n, true
		}
	}
	return 0, false
}

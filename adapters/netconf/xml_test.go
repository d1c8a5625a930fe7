package netconf

import (
	"bufio"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

// What counts as well-formed cannot reach outside of the element it is put into.
func FuzzElements(f *testing.F) {
	for _, s := range []string{"<a/>", "<a><b c='d'>e</b><b/></a>", "</rpc><kill-session/><rpc>", "<a", "<!-- --><a/>", "<![CDATA[]]>", "<?x?>", "<a xmlns:b='c'><b:d/></a>", "&lt;"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := elements(text)
		if err != nil {
			return
		}
		if !v.IsObject() {
			t.Errorf("%q is %s", text, v)
		}
		d := xml.NewDecoder(strings.NewReader("<rpc>" + text + "</rpc>"))
		for depth, roots := 0, 0; ; {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			switch token.(type) {
			case xml.StartElement:
				if depth++; depth == 1 {
					roots++
				}
				if roots > 1 {
					t.Fatalf("%q leads out of its element", text)
				}
			case xml.EndElement:
				depth--
			}
		}
	})
}

// Whatever a device sends ends in a message or an error, and takes no more memory than allowed.
func FuzzFrames(f *testing.F) {
	for _, s := range []string{"<a/>]]>]]>", "\n#4\n<a/>\n##\n", "\n#2\n<a\n#2\n/>\n##\n", "\n#4294967295\nx", "#-1\n", "\n##\n", "]]>]]", "\n#99999999999999999999\n"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, text string, chunked bool) {
		const most = 1000
		in := frames{out: bufio.NewReader(strings.NewReader(text)), chunked: chunked, left: most, most: most}
		for {
			message, err := in.read()
			if err != nil {
				return
			}
			if len(message) > most {
				t.Fatalf("%d bytes", len(message))
			}
		}
	})
}

package value

import "strconv"

// Writer appends JSON text piece by piece, where building a [Value] first would only cost
// time. Keys must be plain: no quotes, backslashes or control characters. The Opt methods
// leave a zero value out.
type Writer struct {
	Buf []byte
	// Values appends a value's text where that is not simply its JSON, such as one that
	// stands for it; nil means [Value.AppendJSON].
	Values func(dst []byte, v Value) []byte
	more   bool
}

// Open begins an object or array; key is "" in an array and at the top.
func (w *Writer) Open(key string, bracket byte) {
	if key != "" {
		w.Key(key)
	} else {
		w.Comma()
	}
	w.Buf = append(w.Buf, bracket)
	w.more = false
}

// OpenNamed begins an object or array as a member whose key may be any text.
func (w *Writer) OpenNamed(key string, bracket byte) {
	w.Comma()
	w.Buf = append(AppendString(w.Buf, key), ':', bracket)
	w.more = false
}

// Close ends it.
func (w *Writer) Close(bracket byte) {
	w.Buf = append(w.Buf, bracket)
	w.more = true
}

// Key begins a member; its value is to be appended to Buf.
func (w *Writer) Key(key string) {
	w.Comma()
	w.Buf = append(w.Buf, '"')
	w.Buf = append(w.Buf, key...)
	w.Buf = append(w.Buf, '"', ':')
}

// Comma begins an element, or a member whose key is not plain: the caller appends it.
func (w *Writer) Comma() {
	if w.more {
		w.Buf = append(w.Buf, ',')
	}
	w.more = true
}

// Text writes a string member.
func (w *Writer) Text(key, s string) {
	w.Key(key)
	w.Buf = AppendString(w.Buf, s)
}

// OptText writes a string member unless it is empty.
func (w *Writer) OptText(key, s string) {
	if s != "" {
		w.Text(key, s)
	}
}

// Int writes a number.
func (w *Writer) Int(key string, i int64) {
	w.Key(key)
	w.Buf = strconv.AppendInt(w.Buf, i, 10)
}

// OptInt writes a number unless it is 0.
func (w *Writer) OptInt(key string, i int64) {
	if i != 0 {
		w.Int(key, i)
	}
}

// OptTrue writes true, or nothing.
func (w *Writer) OptTrue(key string, v bool) {
	if v {
		w.Key(key)
		w.Buf = append(w.Buf, "true"...)
	}
}

// OptNumber writes a number unless it is 0.
func (w *Writer) OptNumber(key string, f float64) {
	if f != 0 {
		w.Value(key, Number(f))
	}
}

// Value writes a value; an absent one is null.
func (w *Writer) Value(key string, v Value) {
	w.Key(key)
	if w.Values != nil {
		w.Buf = w.Values(w.Buf, v)
		return
	}
	w.Buf = v.AppendJSON(w.Buf)
}

// OptValue writes a value unless it is absent.
func (w *Writer) OptValue(key string, v Value) {
	if !v.IsAbsent() {
		w.Value(key, v)
	}
}

// Texts writes an array of strings.
func (w *Writer) Texts(key string, ss []string) {
	w.Open(key, '[')
	for _, s := range ss {
		w.Comma()
		w.Buf = AppendString(w.Buf, s)
	}
	w.Close(']')
}

// OptTexts writes an array of strings unless it is nil.
func (w *Writer) OptTexts(key string, ss []string) {
	if ss != nil {
		w.Texts(key, ss)
	}
}

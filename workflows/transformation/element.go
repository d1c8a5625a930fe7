package transformation

import "github.com/heddlehq/heddle/workflows/value"

// Element computes the variables of a child job from the element of a loop, which the
// transformation takes as "currentValue". With one outgoing object, that object is the
// variables; otherwise the outgoing values are, by name.
func (t *Transformation) Element(element value.Value, o Options) (value.Value, error) {
	out, err := t.Run(value.Object("currentValue", element), o)
	if err != nil {
		return value.Absent, err
	}
	if out.Len() == 1 && out.At(0).IsObject() {
		out = out.At(0)
	}
	return out, nil
}

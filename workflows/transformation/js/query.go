package js

var _ = define("WorkFlowEngine", fns{
	// query(passOnNull, query, obj): a miss gives null, or obj itself with passOnNull.
	"query": func(m *Machine, a Args) Value {
		m.work(16)
		v, found, err := m.env.Query(m.ToValue(a.at(2)), m.toString(a.at(1)))
		switch {
		case err != nil:
			Throw("Error", "%s", err)
		case found:
			return FromValue(v)
		case Truthy(a.at(0)):
			return a.at(2)
		}
		return Null
	},
})

# METADATA
# title: Types of facts
# description: Engines order null, texts and numbers differently, so every comparison is guarded by one of these.
package sre.types

import rego.v1

# A number from 0 to 1.
share(x) if {
	is_number(x)
	x >= 0
	x <= 1
}

# A number of minutes or seconds, zero or more.
age(x) if {
	is_number(x)
	x >= 0
}

# A whole number, zero or more.
whole(x) if {
	age(x)
	floor(x) == x
}

# A text that says something.
text(x) if {
	is_string(x)
	trim_space(x) != ""
}

# An array of texts, possibly empty.
texts(x) if {
	is_array(x)
	every each in x { text(each) }
}

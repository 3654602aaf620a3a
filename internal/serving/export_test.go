package serving

// AppendFloat is for tests of what answers look like.
var AppendFloat = appendFloat

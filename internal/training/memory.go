package training

// unknownMemory is assumed where the machine doesn't tell how much it has.
const unknownMemory = 8 << 30

// The types of uPlot.esm.js, from the package of the same version. Only the type checker reads this file.
import uPlot from "uplot";

export default uPlot;
